"""faiss's exact search: the 100 largest inner products among a million vectors of 128, for 1 query or 256; with and
without matrix products, whichever is faster here."""

import faiss
import numpy

from ways import fastest

N, D, K = 1_000_000, 128, 100


def open(variant, threads):
    faiss.omp_set_num_threads(threads)
    draw = numpy.random.default_rng(20)
    index = faiss.IndexFlatIP(D)
    index.add(draw.standard_normal((N, D), dtype=numpy.float32))
    queries = draw.standard_normal((int(variant), D), dtype=numpy.float32)

    def way(queries_for_blas):
        def search():
            faiss.cvar.distance_compute_blas_threshold = queries_for_blas
            index.search(queries, K)
        return search

    return fastest({"IndexFlatIP, dot products": way(1 << 30), "IndexFlatIP, matrix products": way(0)})
