/** Tests of how native libraries get into the process. */
@NullMarked
package dev.sequor.backend.natives;

import org.jspecify.annotations.NullMarked;
