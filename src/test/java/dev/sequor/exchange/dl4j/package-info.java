@NullMarked
package dev.sequor.exchange.dl4j;

import org.jspecify.annotations.NullMarked;
