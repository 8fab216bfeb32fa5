@NullMarked
package dev.sequor.serve;

import org.jspecify.annotations.NullMarked;
