/** Tests of the simulated CUDA driver itself, through JCuda's own calls; and its controls. */
@NullMarked
package dev.sequor.backend.cuda.simulator;

import org.jspecify.annotations.NullMarked;
