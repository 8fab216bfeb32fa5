"""Writes nested.keras and nested.h5, one model in both forms, for KerasArchiveTest; Keras 3.15.1 has written what is here."""
import keras
from keras import layers


def model():
    keras.utils.set_random_seed(3)
    keras.backend.clear_session()
    x = keras.Input((None, 2), name="x")
    inner = keras.Sequential(
        [keras.Input((None, 2)), layers.LSTM(2, return_sequences=True, name="inner"), layers.TimeDistributed(layers.Dense(2))],
        name="both",
    )
    cells = [layers.GRUCell(2), layers.LSTMCell(2), layers.GRUCell(2, reset_after=False)]
    y = inner(layers.RNN(cells, return_sequences=True)(x))
    y = keras.ops.add(y, 1.0)
    y = layers.Add()([y, y])
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True, dropout=0.1))(y)
    y = layers.LSTM(2, name="zuerst", return_sequences=True)(y)
    y = layers.LSTM(2, name="danach")(y)
    return keras.Model(x, layers.Dense(1, dtype="float16")(y), name="nested")


saved = model()
saved.set_weights([keras.ops.convert_to_numpy(keras.random.normal(w.shape)) for w in saved.weights])
saved.save("nested.keras")
saved.save("nested.h5")
