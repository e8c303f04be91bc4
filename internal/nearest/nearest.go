package nearest

import "strings"

// maxName bounds the work: a longer name is not a typing error.
const maxName = 64 // bytes

// Name gives the one of names that differs least from given, or "" when none is near: at
// most one edit (a byte inserted, deleted or replaced) per three bytes of given, plus one.
// Upper and lower case count as the same. A name that given of three bytes or more begins
// counts as one edit away, because names are often cut short. The first of several equally
// near names wins. Safe for concurrent use.
func Name(given string, names []string) string {
	up := strings.ToUpper(given)
	if len(up) > maxName {
		return ""
	}
	best, limit := "", len(up)/3+1
	for _, name := range names {
		if d := distance(up, strings.ToUpper(name), limit); d <= limit && (best == "" || d < limit) {
			best, limit = name, d
		}
	}
	return best
}

// distance is what lies between two names, or more than limit.
func distance(given, name string, limit int) int {
	if len(given) > 2 && len(given) < len(name) && strings.HasPrefix(name, given) {
		return 1
	}
	if max(len(given)-len(name), len(name)-len(given)) > limit {
		return limit + 1
	}
	row := make([]int, len(name)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(given) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(name) {
			cost := diagonal
			if given[i] != name[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(name)]
}
