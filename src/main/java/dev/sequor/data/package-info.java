/** Training data: text, series, and the windows and batches that models learn from. */
@NullMarked
package dev.sequor.data;

import org.jspecify.annotations.NullMarked;
