@NullMarked
package dev.sequor.module;

import org.jspecify.annotations.NullMarked;
