/** Experiments that train several cells under one budget, to see what each of them can do. */
@NullMarked
package dev.sequor.study;

import org.jspecify.annotations.NullMarked;
