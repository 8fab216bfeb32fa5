/** Tests of the experiments. */
@NullMarked
package dev.sequor.study;

import org.jspecify.annotations.NullMarked;
