package repository

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// searchModule finds function modules by name. Its interface is looked up as any other.
const searchModule = "RFC_FUNCTION_SEARCH"

// Found is a function module that a search found.
type Found struct {
	Name  string `rfc:"FUNCNAME" json:"name"`
	Group string `rfc:"GROUPNAME" json:"group"`
	Text  string `rfc:"STEXT" json:"text"`
}

// Search asks the system for the remote-enabled function modules whose name matches a pattern
// of at most 30 characters: * stands for any characters, + and ? for one. None is an empty
// list. Errors are those of Function. It describes nothing; Preload takes the names.
//
// Source: spec 24.6 [doc]; that an empty result is the exception NO_FUNCTION_FOUND [doc].
func (r *Repository) Search(ctx context.Context, pattern string) ([]Found, error) {
	asked := strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(pattern)), "?", "+")
	if n := len([]rune(asked)); n == 0 || n > metadata.MaxName || strings.ContainsFunc(asked, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return nil, &rfc.Error{
			Class: rfc.ClassParameter, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: "RFC_INVALID_PARAMETER",
			Message: fmt.Sprintf("pattern %.64q: 1 to %d characters, * for any, + for one", pattern, metadata.MaxName),
		}
	}
	f, err := r.Function(ctx, searchModule)
	if err != nil {
		return nil, err
	}
	r.calls.Add(1)
	res, err := r.caller.Call(ctx, searchModule, rfc.Params{"FUNCNAME": asked, "FUNCTIONS": []rfc.Params{}}, rfc.WithInterface(f), rfc.WithValues(answers))
	if isException(err, "NO_FUNCTION_FOUND") {
		return []Found{}, nil
	}
	list := []Found{}
	if err == nil {
		var rows []Found
		rows, err = rowsOf[Found](res, "FUNCTIONS", maxRows)
		list = append(list, rows...)
	}
	if err != nil {
		r.errors.Add(1)
		return nil, failed(searchModule, err)
	}
	return list, nil
}

// Cached lists the descriptions that are there without asking, of Add or looked up, and whose
// name matches a pattern as that of Search; * for all. They are sorted by name.
func (r *Repository) Cached(pattern string) []*metadata.Function {
	all := map[string]*metadata.Function{}
	if m := r.system.functions.Load(); m != nil {
		for name, d := range *m {
			all[name] = d.function
		}
	}
	if own := r.own.Load(); own != nil {
		maps.Copy(all, *own)
	}
	return matching(pattern, maps.Values(all))
}

func matching(pattern string, functions iter.Seq[*metadata.Function]) []*metadata.Function {
	list := []*metadata.Function{}
	for f := range functions {
		if matches(pattern, f.Name) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *metadata.Function) int { return strings.Compare(a.Name, b.Name) })
	return list
}
