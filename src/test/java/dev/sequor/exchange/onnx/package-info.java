@NullMarked
package dev.sequor.exchange.onnx;

import org.jspecify.annotations.NullMarked;
