/** Zips and JSON that other libraries have written, and libraries that are optional. */
@NullMarked
package dev.sequor.exchange.files;

import org.jspecify.annotations.NullMarked;
