@NullMarked
package dev.sequor.task;

import org.jspecify.annotations.NullMarked;
