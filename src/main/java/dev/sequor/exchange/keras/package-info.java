/** Keras: models of recurrent layers and of what stands around them, from .keras and .h5 files. */
@NullMarked
package dev.sequor.exchange.keras;

import org.jspecify.annotations.NullMarked;
