@NullMarked
package dev.sequor.picture;

import org.jspecify.annotations.NullMarked;
