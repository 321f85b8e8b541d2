// colpack.cpp - ColPack's colourings of a pattern, as C functions: see compare.c.
#include <ColPack/ColPackHeaders.h>

#include <cstdint>
#include <vector>

// Rows as ColPack takes them: the length, then the columns; without the diagonal of a graph.
struct compressed {
    std::vector<std::vector<unsigned>> rows;
    std::vector<unsigned *> row;
    compressed(int64_t n, const int64_t *start, const int64_t *column, bool diagonal) : rows(n), row(n) {
        for (int64_t i = 0; i < n; i++) {
            rows[i].push_back(0);
            for (int64_t e = start[i]; e < start[i + 1]; e++)
                if (diagonal || column[e] != i) rows[i].push_back((unsigned)column[e]);
            rows[i][0] = (unsigned)rows[i].size() - 1;
            row[i] = rows[i].data();
        }
    }
};

extern "C" int colpack_star(int64_t n, const int64_t *start, const int64_t *column, const char *order) {
    compressed c(n, start, column, false);
    ColPack::GraphColoringInterface g(SRC_MEM_ADOLC, c.row.data(), (int)n);
    g.Coloring(order, "STAR");
    return g.GetVertexColorCount();
}

extern "C" int colpack_columns(int64_t rows, int64_t columns, const int64_t *start, const int64_t *column,
                               const char *order) {
    compressed c(rows, start, column, true);
    ColPack::BipartiteGraphPartialColoringInterface g(SRC_MEM_ADOLC, c.row.data(), (int)rows, (int)columns);
    g.PartialDistanceTwoColoring(order, "COLUMN_PARTIAL_DISTANCE_TWO");
    return g.GetRightVertexColorCount();
}
