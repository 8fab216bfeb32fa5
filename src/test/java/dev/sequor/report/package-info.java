@NullMarked
package dev.sequor.report;

import org.jspecify.annotations.NullMarked;
