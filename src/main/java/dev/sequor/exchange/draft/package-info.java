/** Networks in the making, of what readers of other libraries' files find. */
@NullMarked
package dev.sequor.exchange.draft;

import org.jspecify.annotations.NullMarked;
