package dev.sequor.data;

/** What the numbers of a model mean outside of it; it is stored with the model. */
public sealed interface DataSpec permits Vocabulary, TableSpec {}
