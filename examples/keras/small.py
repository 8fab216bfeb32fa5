"""Writes small.keras; Keras 3.15.1 on PyTorch has written what is here, and says 0.5072699 for the sequence of KerasFile."""
import keras
import numpy

keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((None, 2), name="x"), keras.layers.LSTM(4), keras.layers.Dense(1, activation="sigmoid")])
model.save("small.keras")
print(model.predict(numpy.array([[[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]]], "float32")))
