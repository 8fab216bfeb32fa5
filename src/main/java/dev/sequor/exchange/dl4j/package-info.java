/** Deeplearning4j: recurrent networks from the zips of its {@code ModelSerializer}. */
@NullMarked
package dev.sequor.exchange.dl4j;

import org.jspecify.annotations.NullMarked;
