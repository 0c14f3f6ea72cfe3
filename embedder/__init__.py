"""Neural networks, and one embedder without any: pictures in, vectors out.

TensorFlow is imported in one module, when a network is first needed.
"""
