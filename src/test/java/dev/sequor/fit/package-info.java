@NullMarked
package dev.sequor.fit;

import org.jspecify.annotations.NullMarked;
