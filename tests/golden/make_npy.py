"""Writes tests/golden/npy/*.npy with NumPy. Run in this folder: /usr/bin/python3 make_npy.py"""

import os

import numpy

os.makedirs("npy", exist_ok=True)
os.chdir("npy")
matrix = numpy.arange(6, dtype="<f4").reshape(2, 3) / numpy.float32(4)
numpy.save("f4.npy", matrix)
numpy.save("f8_scalar.npy", numpy.array(0.1))
numpy.save("i8.npy", numpy.array([-1, 0, 1 << 30], dtype="<i8"))
numpy.save("u1.npy", numpy.array([0, 127, 255], dtype="u1"))
numpy.save("empty.npy", numpy.zeros((0, 3), dtype="<f4"))
numpy.save("fortran.npy", numpy.asfortranarray(matrix))
numpy.save("big_endian.npy", matrix.astype(">f4"))
numpy.save("object.npy", numpy.array([None], dtype=object))
for major in (2, 3):
    with open(f"version{major}.npy", "wb") as file:
        numpy.lib.format.write_array(file, matrix, version=(major, 0))
print("numpy", numpy.__version__)
