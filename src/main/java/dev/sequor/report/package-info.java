/**
 * Reports of trainings: what is known of one ({@link dev.sequor.report.TrainingRecord}), collected
 * while it runs ({@link dev.sequor.report.TrainingRecorder}) and kept as a page that needs nothing
 * but itself and can be read back ({@link dev.sequor.report.TrainingReport}).
 */
@NullMarked
package dev.sequor.report;

import org.jspecify.annotations.NullMarked;
