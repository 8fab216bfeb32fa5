/**
 * Pictures: charts, heat maps and networks as SVG, self-contained HTML pages around them, and PNG
 * files of them. A picture has light and dark colours; its sizes are in units that are pixels where
 * it is shown as large as it was made. The same input makes the same bytes.
 */
@NullMarked
package dev.sequor.picture;

import org.jspecify.annotations.NullMarked;
