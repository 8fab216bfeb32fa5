@NullMarked
package dev.sequor.spark;

import org.jspecify.annotations.NullMarked;
