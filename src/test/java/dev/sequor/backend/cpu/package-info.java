/** Tests of what the native engine alone has. */
@NullMarked
package dev.sequor.backend.cpu;

import org.jspecify.annotations.NullMarked;
