@NullMarked
package dev.sequor.diagnose;

import org.jspecify.annotations.NullMarked;
