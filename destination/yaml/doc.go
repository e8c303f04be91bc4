// Package yaml reads destinations from YAML documents. It is a package of its own, so that
// programs without YAML need not link a parser for it:
//
//	dir := &destination.Directory{Formats: map[string]destination.Format{".yaml": yaml.Format}}
//	file := &destination.File{Path: "sap.yaml", Format: yaml.Format}
package yaml
