/** Zips and JSON that other libraries have written. */
@NullMarked
package dev.sequor.exchange.files;

import org.jspecify.annotations.NullMarked;
