package destination

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Placeholders says how ${...} in values is replaced:
//
//	${env:NAME}, ${NAME}  the environment variable; it has to be set
//	${file:path}          the content of a file without one line end behind it
//	$${                   ${ itself
//
// What comes in is not looked through again. A nil *Placeholders replaces nothing.
type Placeholders struct {
	// Dir is where relative paths of ${file:...} begin; they cannot lead out of it, links
	// included. Default: the working directory.
	Dir string
	// Env looks up environment variables. Default os.LookupEnv.
	Env func(name string) (string, bool)
}

// Resolve replaces the placeholders of p. Its errors show no value.
func (h *Placeholders) Resolve(p Properties) (Properties, error) {
	if h == nil {
		return p, nil
	}
	out := p
	out.list = make([]*entry, 0, len(p.list))
	var list []error
	for _, e := range p.list {
		if strings.Contains(e.value(), "${") {
			value, err := h.expand(e)
			if err != nil {
				list = append(list, &Problem{Key: showKey(e.key), Text: err.Error(), Source: e.source})
				continue
			}
			e = newEntry(e.key, value, e.source)
		}
		out.list = append(out.list, e)
	}
	return out, joined(list)
}

// expand replaces the placeholders of one value. Errors show names of placeholders only if
// the value cannot be a secret that happens to look like one.
func (h *Placeholders) expand(e *entry) (string, error) {
	var b strings.Builder
	rest := e.value()
	for {
		before, after, ok := strings.Cut(rest, "${")
		if !ok {
			b.WriteString(rest)
			break
		}
		if plain, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(plain + "${")
			rest = after
			continue
		}
		b.WriteString(before)
		name, tail, ok := strings.Cut(after, "}")
		if !ok {
			return "", errors.New("a placeholder ${ without }; write $${ for the characters ${ themselves")
		}
		value, err := h.replace(name)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		rest = tail
	}
	if b.Len() > maxValue {
		return "", fmt.Errorf("%d bytes with its placeholders, at most %d", b.Len(), maxValue)
	}
	return b.String(), nil
}

func (h *Placeholders) replace(name string) (string, error) {
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		return h.file(path)
	}
	variable := strings.TrimPrefix(name, "env:")
	if variable == "" || strings.ContainsFunc(variable, func(r rune) bool { return !isWord(r) }) {
		return "", errors.New("a placeholder is ${env:NAME} or ${file:path}; write $${ for the characters ${ themselves")
	}
	lookup := h.Env
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(variable)
	if !ok {
		return "", fmt.Errorf("placeholder ${env:%s}: the environment variable %s is not set", cutTo(variable, 64), cutTo(variable, 64))
	}
	return value, nil
}

// file reads a secret.
func (h *Placeholders) file(path string) (string, error) {
	dir, base := h.Dir, filepath.FromSlash(path)
	if filepath.IsAbs(base) {
		dir, base = filepath.Dir(base), filepath.Base(base)
	}
	doc, mode, err := readIn(dir, base, maxSecretFile)
	if err != nil {
		return "", fmt.Errorf("placeholder ${file:%s}: %w", printable(cutTo(path, 64)), err)
	}
	if othersMayWrite(mode) {
		return "", fmt.Errorf("placeholder ${file:%s}: permissions %04o: everybody can change it", printable(cutTo(path, 64)), mode.Perm())
	}
	text := strings.TrimSuffix(string(doc), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

// readIn reads a file below a directory, which it cannot leave.
func readIn(dir, name string, limit int) ([]byte, fs.FileMode, error) {
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	return readFrom(root, name, limit)
}

// readFrom reads a file of a root, if it is a regular one.
func readFrom(root *os.Root, name string, limit int) ([]byte, fs.FileMode, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	// Opening what is not a file may wait for ever.
	if !info.Mode().IsRegular() {
		return nil, 0, notAFile(info)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	return readAll(f, limit)
}

func notAFile(info fs.FileInfo) error {
	if info.IsDir() {
		return fmt.Errorf("%s is a directory", info.Name())
	}
	return fmt.Errorf("%s is no regular file", info.Name())
}

func readAll(f *os.File, limit int) ([]byte, fs.FileMode, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, notAFile(info)
	}
	if info.Size() > int64(limit) {
		return nil, 0, fmt.Errorf("%d bytes, at most %d", info.Size(), limit)
	}
	doc, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(doc) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return doc, info.Mode(), err
}

// Windows keeps permissions elsewhere, and the mode says nothing.
const hasPermissions = runtime.GOOS != "windows" && runtime.GOOS != "plan9"

func othersMayWrite(mode fs.FileMode) bool { return hasPermissions && mode.Perm()&0o002 != 0 }

func othersMayRead(mode fs.FileMode) bool { return hasPermissions && mode.Perm()&0o077 != 0 }
