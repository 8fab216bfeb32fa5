package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.DataSpec;
import dev.sequor.data.TableSpec;
import dev.sequor.data.WordVocabulary;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How what the numbers of a model mean stands in {@code config.json}. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
  @JsonSubTypes.Type(value = StoredData.Characters.class, name = "characters"),
  @JsonSubTypes.Type(value = StoredData.Words.class, name = "words"),
  @JsonSubTypes.Type(value = StoredData.Bytes.class, name = "bytes"),
  @JsonSubTypes.Type(value = StoredData.OfTable.class, name = "table"),
  @JsonSubTypes.Type(value = StoredData.None.class, name = "none"),
})
sealed interface StoredData {
  /** What it stands for; null if nothing is known. */
  @Nullable DataSpec spec();

  /** How {@code data} is stored. */
  static StoredData of(@Nullable DataSpec data) {
    if (data == null) {
      return new None();
    } else if (data instanceof CharacterVocabulary characters) {
      int[] all = characters.codePoints();
      return new Characters(new String(all, 0, all.length));
    } else if (data instanceof WordVocabulary words) {
      return new Words(words.words());
    } else if (data instanceof ByteVocabulary) {
      return new Bytes();
    } else if (data instanceof TableSpec table) {
      return new OfTable(table);
    }
    throw new AssertionError("data of " + data.getClass() + " cannot be stored");
  }

  /**
   * A vocabulary of characters.
   *
   * @param characters all of them, ascending
   */
  record Characters(String characters) implements StoredData {
    /** Checks that they ascend. */
    public Characters {
      CharacterVocabulary.ofSorted(characters.codePoints().toArray());
    }

    @Override
    public CharacterVocabulary spec() {
      return CharacterVocabulary.ofSorted(characters.codePoints().toArray());
    }
  }

  /**
   * A vocabulary of words.
   *
   * @param words by token, without the unknown one
   */
  record Words(List<String> words) implements StoredData {
    /** Checks that they are a vocabulary. */
    public Words {
      words = List.copyOf(words);
      WordVocabulary.ofWords(words);
    }

    @Override
    public WordVocabulary spec() {
      return WordVocabulary.ofWords(words);
    }
  }

  /** The vocabulary of bytes. */
  record Bytes() implements StoredData {
    @Override
    public ByteVocabulary spec() {
      return ByteVocabulary.BYTES;
    }
  }

  /**
   * Columns of a table, with their scales.
   *
   * @param table which
   */
  record OfTable(TableSpec table) implements StoredData {
    @Override
    public TableSpec spec() {
      return table;
    }
  }

  /** Whoever uses the model knows. */
  record None() implements StoredData {
    @Override
    public @Nullable DataSpec spec() {
      return null;
    }
  }
}
