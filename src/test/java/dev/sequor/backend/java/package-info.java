/** Tests of {@code dev.sequor.backend.java}. */
@NullMarked
package dev.sequor.backend.java;

import org.jspecify.annotations.NullMarked;
