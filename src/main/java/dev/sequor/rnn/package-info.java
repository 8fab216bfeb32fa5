/** Recurrent stacks: the checked way into the engines, with parameters, initialisers and state. */
@NullMarked
package dev.sequor.rnn;

import org.jspecify.annotations.NullMarked;
