package serialization

// AtRow puts table and row, counted from 0, in front of the path of an error of this
// package: what a caller who decodes rows one by one knows and the decoder does not.
func AtRow(table string, row int, err error) error { return at(table, atRow(row, err)) }
