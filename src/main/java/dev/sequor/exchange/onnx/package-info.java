/** ONNX: models of its recurrent operators and of what stands around them, from and to files. */
@NullMarked
package dev.sequor.exchange.onnx;

import org.jspecify.annotations.NullMarked;
