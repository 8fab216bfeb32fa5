package dev.sequor.io;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.exc.InputCoercionException;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.InvalidNullException;
import com.fasterxml.jackson.databind.exc.InvalidTypeIdException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What is wrong with a JSON text, in the words of the format and not of the parser or of Java. */
final class JsonFault {
  private JsonFault() {}

  /** Where it is wrong, if that is known, and what was needed there. */
  static String describe(JsonProcessingException e) {
    String where = e instanceof JsonMappingException mapping ? path(mapping) : "";
    return (where.isEmpty() ? "" : where + ": ") + what(e);
  }

  private static String path(JsonMappingException e) {
    return e.getPath().stream()
        .map(r -> r.getFieldName() == null ? "[" + r.getIndex() + "]" : "." + r.getFieldName())
        .collect(Collectors.joining())
        .replaceFirst("^\\.", "");
  }

  private static String what(JsonProcessingException e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof IllegalArgumentException refusal) {
        return String.valueOf(refusal.getMessage()); // A record's own check.
      } else if (cause instanceof InputCoercionException tooLarge) {
        return outOfRange(tooLarge);
      } else if (!(cause instanceof JsonMappingException)
          && cause instanceof JsonProcessingException syntax) {
        return syntax(syntax);
      }
    }
    if (e instanceof InvalidTypeIdException kind) {
      return kind.getTypeId() == null
          ? "its \"type\" is missing"
          : "type '" + kind.getTypeId() + "' is unknown";
    } else if (e instanceof UnrecognizedPropertyException) {
      return "unknown field";
    } else if (e instanceof InvalidNullException) {
      return "is null; needed a value";
    } else if (e instanceof MismatchedInputException mismatch) {
      String message = String.valueOf(mismatch.getOriginalMessage());
      if (message.startsWith("Missing ")) {
        return "is missing";
      } else if (message.startsWith("Null value ") || message.startsWith("Cannot map `null`")) {
        return "is null; needed a value";
      }
      return "needed " + needed(mismatch.getTargetType());
    }
    return "is not as it should be" + place(e);
  }

  private static String outOfRange(InputCoercionException e) {
    boolean isInt = e.getTargetType() == int.class || e.getTargetType() == Integer.class;
    return "needed a whole number from "
        + (isInt ? Integer.MIN_VALUE : Long.MIN_VALUE)
        + " to "
        + (isInt ? Integer.MAX_VALUE : Long.MAX_VALUE);
  }

  private static String needed(@Nullable Class<?> type) {
    if (type == null) {
      return "another value";
    } else if (type == int.class || type == long.class) {
      return "a whole number";
    } else if (type == float.class || type == double.class) {
      return "a number";
    } else if (type == boolean.class) {
      return "true or false";
    } else if (type.isEnum()) {
      return "one of "
          + Arrays.stream(type.getEnumConstants())
              .map(Object::toString)
              .collect(Collectors.joining(", "));
    } else if (type == String.class) {
      return "a text in quotes";
    } else if (Iterable.class.isAssignableFrom(type)) {
      return "a list in brackets";
    }
    return "an object in braces";
  }

  /** Also for callers that parse themselves. */
  static String syntax(JsonProcessingException e) {
    String message = String.valueOf(e.getOriginalMessage());
    if (message.startsWith("Duplicate field ")
        || message.startsWith("Duplicate Object property ")) {
      return "Duplicate field '" + quoted(message) + "'" + place(e);
    } else if (e instanceof JsonEOFException) {
      return "ends before it is complete";
    } else if (e instanceof StreamConstraintsException) {
      return "holds a number or a text that is too long, or brackets within too many others"
          + place(e);
    }
    return "is no JSON" + place(e);
  }

  private static String quoted(String message) {
    int begin = Math.max(message.indexOf('\''), message.indexOf('"')) + 1;
    int end = Math.max(message.lastIndexOf('\''), message.lastIndexOf('"'));
    return end > begin ? message.substring(begin, end) : "";
  }

  private static String place(JsonProcessingException e) {
    JsonLocation location = e.getLocation();
    return location == null || location.getLineNr() < 1
        ? ""
        : " at line " + location.getLineNr() + ", column " + location.getColumnNr();
  }
}
