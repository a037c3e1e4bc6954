/* How matrices are cut into tiles; see grid.h. */
#include "core/maths/grid.h"

#include <assert.h>
#include <math.h>

#include "core/base/checked.h"

/* Additions and multiplications of a tile: at most half a millisecond.  A number
 * that is read or written counts too, or long thin products would take longer. */
#define TILE_WORK_MAX 64000000.0
#define NUMBER_WORK 40.0

/* A product of more has at least two tiles, so that it can be shared, and of much more
 * four: where a core is taken from a worker that is at its tile, the others can do the
 * rest of the phase meanwhile. */
#define TWO_TILES_WORK_MIN 8000000.0
#define FOUR_TILES_WORK_MIN 32000000.0

/* Of a tile's sides: a panel of a product is so wide, and it is a multiple of 4. */
#define TILE_SIDE_STEP 32

/* Narrower tiles would pack the other operand too often. */
#define TILE_SIDE_MIN 64

/* Numbers of an elementwise tile. */
#define TILE_NUMBERS_MAX 65536

static size_t step_for(size_t length, size_t pieces) {
    const size_t step = divide_up(length, size_max(pieces, 1));
    return size_min(length, divide_up(step, TILE_SIDE_STEP) * TILE_SIDE_STEP);
}

static double product_pieces(double m, double n, double k) {
    const double work = 2.0 * m * n * k + NUMBER_WORK * (m * n + m * k + n * k);
    const double pieces = work > FOUR_TILES_WORK_MIN ? 4 : work > TWO_TILES_WORK_MIN ? 2 : 1;
    return fmax(ceil(work / TILE_WORK_MAX), pieces);
}

static size_t pieces_along(size_t length, double pieces) {
    return (size_t)fmin(pieces, (double)size_max(1, length / TILE_SIDE_MIN));
}

static struct grid cut(size_t rows, size_t columns, size_t row_pieces, size_t column_pieces) {
    struct grid grid = {.rows = rows, .columns = columns};
    grid.row_step = step_for(rows, row_pieces);
    grid.row_tiles = divide_up(rows, grid.row_step);
    grid.column_step = step_for(columns, column_pieces);
    grid.column_tiles = divide_up(columns, grid.column_step);
    return grid;
}

struct grid grid_by_columns(size_t rows, size_t columns, size_t depth) {
    const double pieces = product_pieces((double)rows, (double)columns, (double)depth);
    const size_t along = pieces_along(columns, pieces);
    return cut(rows, columns, (size_t)ceil(pieces / (double)along), along);
}

struct grid grid_by_rows(size_t rows, size_t columns, size_t depth) {
    const double pieces = product_pieces((double)rows, (double)columns, (double)depth);
    const size_t along = pieces_along(rows, pieces);
    return cut(rows, columns, along, (size_t)ceil(pieces / (double)along));
}

struct grid grid_of_rows(size_t rows, size_t width) {
    assert(rows > 0 && width > 0);
    struct grid grid = {.rows = rows, .columns = width, .column_step = width, .column_tiles = 1};
    grid.row_step = size_min(rows, size_max(1, TILE_NUMBERS_MAX / width));
    grid.row_tiles = divide_up(rows, grid.row_step);
    return grid;
}

size_t grid_tiles(const struct grid *grid) {
    return grid->row_tiles * grid->column_tiles;
}

struct tile grid_tile(const struct grid *grid, size_t number) {
    struct tile tile;
    tile.row = number / grid->column_tiles * grid->row_step;
    tile.column = number % grid->column_tiles * grid->column_step;
    tile.rows = size_min(grid->row_step, grid->rows - tile.row);
    tile.columns = size_min(grid->column_step, grid->columns - tile.column);
    return tile;
}
