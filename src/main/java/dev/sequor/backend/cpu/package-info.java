/** The native CPU engine ({@code native/}), called through JavaCPP. */
@NullMarked
package dev.sequor.backend.cpu;

import org.jspecify.annotations.NullMarked;
