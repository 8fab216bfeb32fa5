/** Tests of the library as a whole. */
@NullMarked
package dev.sequor;

import org.jspecify.annotations.NullMarked;
