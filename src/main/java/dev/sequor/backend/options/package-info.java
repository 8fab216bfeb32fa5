/**
 * Stacks whose cells have {@link dev.sequor.backend.CellOptions}, on any engine. What only changes
 * what goes into a layer is done around the engine's own plan of it; what changes a step is
 * composed of products, normalisations and the element-wise maths of {@link
 * dev.sequor.backend.options.StepMaths}, a time step after the other. A stack without options never
 * comes here. For engines only.
 */
@NullMarked
package dev.sequor.backend.options;

import org.jspecify.annotations.NullMarked;
