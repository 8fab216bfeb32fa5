/** Tests of {@code dev.sequor.backend.host}. */
@NullMarked
package dev.sequor.backend.host;

import org.jspecify.annotations.NullMarked;
