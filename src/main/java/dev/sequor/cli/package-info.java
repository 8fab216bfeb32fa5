/** The command line: trains, samples and judges character language models. */
@NullMarked
package dev.sequor.cli;

import org.jspecify.annotations.NullMarked;
