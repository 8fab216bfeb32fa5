@NullMarked
package dev.sequor.exchange;

import org.jspecify.annotations.NullMarked;
