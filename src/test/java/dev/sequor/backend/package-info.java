/** Tests of {@code dev.sequor.backend}. */
@NullMarked
package dev.sequor.backend;

import org.jspecify.annotations.NullMarked;
