package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.ModelProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Models that still are messages of ONNX, but say something else: of some of their fields, whatever
 * they are, other values, none, or elements twice, in another order or missing.
 */
final class MutatedModels {
  /** Sizes and axes that something may go wrong with. */
  private static final long[] INTEGERS = {
    0,
    1,
    2,
    3,
    4,
    7,
    13,
    16,
    64,
    -1,
    -2,
    -5,
    1 << 10,
    1 << 16,
    1 << 20,
    (1 << 24) + 1,
    (1 << 30) - 1,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 31,
    1L << 32,
    (1L << 32) + 3,
    1L << 40,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private static final double[] REALS = {
    0, -0.0, 1, 0.5, 2, 3, -1, 1e-30, 1e30, -1e30, Double.NaN, Double.POSITIVE_INFINITY
  };

  private final ModelProto good;
  private final SplittableRandom random;

  /** All texts of the model, which are names and kinds, and the operators that there are. */
  private final List<String> texts = new ArrayList<>(OnnxModel.operatorNames());

  MutatedModels(ModelProto good, long seed) {
    this.good = good;
    this.random = new SplittableRandom(seed);
    texts.addAll(List.of("", "forward", "bidirectional", "axes", "If", "Tanh", "com.microsoft"));
    for (Message.Builder each : builders(good.toBuilder())) {
      for (FieldDescriptor field : each.getDescriptorForType().getFields()) {
        if (field.getJavaType() != FieldDescriptor.JavaType.STRING) {
          continue;
        }
        if (!field.isRepeated()) {
          texts.add((String) each.getField(field));
        } else {
          for (int i = 0; i < each.getRepeatedFieldCount(field); i++) {
            texts.add((String) each.getRepeatedField(field, i));
          }
        }
      }
    }
  }

  /** The next one. */
  byte[] next() {
    ModelProto.Builder model = good.toBuilder();
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      List<Message.Builder> all = builders(model);
      change(all.get(random.nextInt(all.size())));
    }
    return model.build().toByteArray();
  }

  /** Of a message and all those in it. */
  private static List<Message.Builder> builders(Message.Builder root) {
    List<Message.Builder> all = new ArrayList<>(List.of(root));
    for (int next = 0; next < all.size(); next++) {
      Message.Builder each = all.get(next);
      for (FieldDescriptor field : each.getDescriptorForType().getFields()) {
        if (field.getJavaType() != FieldDescriptor.JavaType.MESSAGE) {
          continue;
        }
        if (!field.isRepeated()) {
          if (each.hasField(field)) {
            all.add(each.getFieldBuilder(field));
          }
        } else {
          for (int i = 0; i < each.getRepeatedFieldCount(field); i++) {
            all.add(each.getRepeatedFieldBuilder(field, i));
          }
        }
      }
    }
    return all;
  }

  private void change(Message.Builder message) {
    List<FieldDescriptor> fields = new ArrayList<>(message.getDescriptorForType().getFields());
    if (random.nextInt(8) > 0) {
      fields.removeIf(
          field ->
              field.isRepeated()
                  ? message.getRepeatedFieldCount(field) == 0
                  : !message.hasField(field));
    }
    if (fields.isEmpty()) {
      return;
    }
    FieldDescriptor field = fields.get(random.nextInt(fields.size()));
    if (!field.isRepeated()) {
      if (random.nextInt(8) == 0) {
        message.clearField(field);
      } else if (field.getJavaType() != FieldDescriptor.JavaType.MESSAGE) {
        message.setField(field, value(field, message.getField(field)));
      }
      return;
    }
    int count = message.getRepeatedFieldCount(field);
    boolean isMessage = field.getJavaType() == FieldDescriptor.JavaType.MESSAGE;
    if (count == 0) {
      if (!isMessage) {
        message.addRepeatedField(field, value(field, zero(field)));
      }
      return;
    }
    int at = random.nextInt(count);
    int other = random.nextInt(count);
    Object one = message.getRepeatedField(field, at);
    switch (random.nextInt(isMessage ? 3 : 5)) {
      case 0 -> {
        message.setRepeatedField(field, at, message.getRepeatedField(field, other));
        message.setRepeatedField(field, other, one);
      }
      case 1 -> {
        List<Object> rest = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          rest.add(message.getRepeatedField(field, i));
        }
        rest.remove(at);
        message.setField(field, rest);
      }
      case 2 -> message.addRepeatedField(field, one);
      default -> message.setRepeatedField(field, at, value(field, one));
    }
  }

  private static Object zero(FieldDescriptor field) {
    return switch (field.getJavaType()) {
      case INT -> 0;
      case LONG -> 0L;
      case FLOAT -> 0f;
      case DOUBLE -> 0.0;
      case BOOLEAN -> false;
      case STRING -> "";
      case BYTE_STRING -> ByteString.EMPTY;
      case ENUM -> field.getEnumType().getValues().get(0);
      case MESSAGE -> throw new IllegalArgumentException(field.getFullName());
    };
  }

  /** Another value of a field. */
  private Object value(FieldDescriptor field, Object old) {
    return switch (field.getJavaType()) {
      case INT ->
          random.nextBoolean()
              ? random.nextInt(25)
              : (int) INTEGERS[random.nextInt(INTEGERS.length)];
      case LONG ->
          random.nextInt(3) == 0
              ? (Long) old + random.nextInt(-2, 3)
              : INTEGERS[random.nextInt(INTEGERS.length)];
      case FLOAT -> (float) REALS[random.nextInt(REALS.length)];
      case DOUBLE -> REALS[random.nextInt(REALS.length)];
      case BOOLEAN -> random.nextBoolean();
      case STRING -> texts.get(random.nextInt(texts.size()));
      case BYTE_STRING -> bytes((ByteString) old);
      case ENUM -> {
        List<EnumValueDescriptor> all = field.getEnumType().getValues();
        yield all.get(random.nextInt(all.size()));
      }
      case MESSAGE -> old;
    };
  }

  private ByteString bytes(ByteString old) {
    if (random.nextInt(3) == 0) {
      return ByteString.copyFromUtf8(texts.get(random.nextInt(texts.size())));
    } else if (old.isEmpty() || random.nextInt(3) == 0) {
      return ByteString.copyFrom(new byte[random.nextInt(64)]);
    }
    byte[] bytes = old.toByteArray();
    bytes[random.nextInt(bytes.length)] = (byte) INTEGERS[random.nextInt(INTEGERS.length)];
    return ByteString.copyFrom(bytes);
  }
}
