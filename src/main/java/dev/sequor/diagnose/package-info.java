/** What goes on inside a model: how far gradients reach back in time, and what its gates do. */
@NullMarked
package dev.sequor.diagnose;

import org.jspecify.annotations.NullMarked;
