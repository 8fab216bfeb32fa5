@NullMarked
package dev.sequor.exchange.keras;

import org.jspecify.annotations.NullMarked;
