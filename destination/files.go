package destination

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultPollInterval is how often Watch looks at files.
const DefaultPollInterval = 10 * time.Second

// Directory finds a destination in the file of its name: NAME.jcoDestination, or, in this
// order, NAME.properties, NAME.props, NAME.txt, NAME.json and what Formats adds. The file
// cannot lie outside of the directory, links included.
//
// Watch reads the whole directory every Interval, so that it also sees changes behind
// placeholders.
type Directory struct {
	// Path of the directory. Default: the working directory.
	Path string
	// Formats reads files with other ends than those above, for example ".yaml".
	Formats map[string]Format
	// Interval is how often Watch looks. Default DefaultPollInterval.
	Interval time.Duration
	// Env is for placeholders, see Placeholders.
	Env func(name string) (string, bool)
	// AllowWritable accepts files with secrets that everybody may change.
	AllowWritable bool
}

// suffixes are the ends of file names in their order.
func (d *Directory) suffixes() []string {
	list := []string{".jcoDestination", ".properties", ".props", ".txt", ".json"}
	return append(list, slices.Sorted(maps.Keys(d.Formats))...)
}

func (d *Directory) format(suffix string) builtin {
	if f := d.Formats[suffix]; f != nil {
		return builtin{read: f}
	}
	return formatOf(suffix)
}

func (d *Directory) path() string { return cmp.Or(d.Path, ".") }

// Load implements Provider.
func (d *Directory) Load(_ context.Context, name string) (Properties, error) {
	if err := checkName(name); err != nil {
		return Properties{}, err
	}
	root, err := os.OpenRoot(d.path())
	if err != nil {
		return Properties{}, err
	}
	defer root.Close()
	var files []string
	for _, suffix := range d.suffixes() {
		_, err := root.Lstat(name + suffix)
		switch {
		case err == nil:
			files = append(files, name+suffix)
		case !errors.Is(err, fs.ErrNotExist):
			return Properties{}, err
		}
	}
	if len(files) == 0 {
		return Properties{}, notHere(name, "directory "+d.path())
	}
	p, err := d.read(root, name, files[0])
	if err == nil && len(files) > 1 {
		p.Warn("%s is read, not %s", files[0], strings.Join(files[1:], ", "))
	}
	return p, err
}

// read reads one file.
func (d *Directory) read(root *os.Root, name, file string) (Properties, error) {
	doc, mode, err := readFrom(root, file, maxDocument)
	if err != nil {
		return Properties{}, fmt.Errorf("%s: %w", file, err)
	}
	path := file
	if d.Path != "" {
		path = filepath.Join(d.Path, file)
	}
	o := &opened{path: path, mode: mode, dir: d.path(), env: d.Env, allowWritable: d.AllowWritable}
	return o.destination(doc, d.format(strings.TrimPrefix(file, name)), name)
}

// Names implements Lister.
func (d *Directory) Names(context.Context) ([]string, error) {
	list, err := os.ReadDir(d.path())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range list {
		for _, suffix := range d.suffixes() {
			if name, ok := strings.CutSuffix(e.Name(), suffix); ok && checkName(name) == nil && !e.IsDir() {
				names = append(names, name)
			}
		}
	}
	if len(names) > maxDestinations {
		return nil, fmt.Errorf("%s: %d destinations, at most %d", d.path(), len(names), maxDestinations)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Watch implements Watcher.
func (d *Directory) Watch(ctx context.Context) iter.Seq[Event] { return poll(ctx, d, d.Interval) }

// File is one file that holds one destination, or several by name: .ini as sapnwrfc.ini,
// .json, or what Format reads; any other end of its name is read as .properties. It is read
// anew for each Load.
type File struct {
	Path string
	// Format reads the file. Default: by the end of its name.
	Format Format
	// Name is the name of the destination in a file that holds a single one without a name.
	// Default: the name of the file without its end; then any name that is asked for is good.
	Name string
	// Optional: a file that is not there has no destinations. Default: it is an error.
	Optional bool
	// Interval, Env and AllowWritable are as in Directory.
	Interval      time.Duration
	Env           func(name string) (string, bool)
	AllowWritable bool
}

// INI gives the provider for sapnwrfc.ini where the NW RFC SDK has it: the environment
// variable RFC_INI names the file, or else it is in the working directory; it may be absent
// there. env is os.LookupEnv if it is nil.
//
// Source: [doc]
func INI(env func(name string) (string, bool)) *File {
	if env == nil {
		env = os.LookupEnv
	}
	if path, ok := env("RFC_INI"); ok && path != "" {
		return &File{Path: path, Format: INIFormat, Env: env}
	}
	return &File{Path: "sapnwrfc.ini", Format: INIFormat, Env: env, Optional: true}
}

// Load implements Provider.
func (f *File) Load(_ context.Context, name string) (Properties, error) {
	o, doc, err := f.open()
	if errors.Is(err, fs.ErrNotExist) && f.Optional {
		return Properties{}, notHere(name, f.Path)
	}
	if err != nil {
		return Properties{}, err
	}
	return o.destination(doc, f.format(), cmp.Or(name, f.alone()))
}

// alone is the name of the only destination.
func (f *File) alone() string {
	base := filepath.Base(f.Path)
	return cmp.Or(f.Name, strings.TrimSuffix(base, filepath.Ext(base)))
}

func (f *File) format() builtin {
	if f.Format != nil {
		return builtin{read: f.Format}
	}
	return formatOf(filepath.Ext(f.Path))
}

// open reads the file. Its path is the program's own, so that it may lead anywhere.
func (f *File) open() (*opened, []byte, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, notAFile(info)
	}
	h, err := os.Open(f.Path)
	if err != nil {
		return nil, nil, err
	}
	defer h.Close()
	doc, mode, err := readAll(h, maxDocument)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return &opened{path: f.Path, mode: mode, dir: filepath.Dir(f.Path), env: f.Env, allowWritable: f.AllowWritable, name: f.Name, own: true}, doc, nil
}

// Names implements Lister.
func (f *File) Names(context.Context) ([]string, error) {
	_, doc, err := f.open()
	if errors.Is(err, fs.ErrNotExist) && f.Optional {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	members, err := readDocument(doc, f.format().read)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	names, _, err := destinations(members, f.alone(), true)
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	slices.Sort(names)
	return names, err
}

// Watch implements Watcher.
func (f *File) Watch(ctx context.Context) iter.Seq[Event] { return poll(ctx, f, f.Interval) }

// opened is a file that was read.
type opened struct {
	path, dir     string
	mode          fs.FileMode
	env           func(string) (string, bool)
	allowWritable bool
	name          string // of a single destination; empty for any
	own           bool   // a single destination may say its own name
}

// destination finds a destination in a document and makes its settings ready.
func (o *opened) destination(doc []byte, format builtin, name string) (Properties, error) {
	fail := func(err error) (Properties, error) { return Properties{}, fmt.Errorf("%s: %w", o.path, err) }
	members, err := readDocument(doc, format.read)
	if err != nil {
		return fail(err)
	}
	_, found, err := destinations(members, cmp.Or(o.name, name), o.own)
	if err != nil {
		return fail(err)
	}
	m, ok := found[name]
	if !ok || name == "" {
		return Properties{}, notHere(name, o.path)
	}
	p, err := flat(m.Members, Source{Origin: FromFile, Name: o.path})
	if err != nil {
		return fail(err)
	}
	p.additional = fromService(m.Members) && !format.latin1
	if general := found[""]; len(general.Members) > 0 {
		p.Warn("%s: line %d: settings in front of the first DEST are for the vendor's library; they are not used", o.path, general.Members[0].Line)
	}
	if format.latin1 {
		p.doubt(doc, o.path)
	}
	if err := o.permissions(&p); err != nil {
		return fail(err)
	}
	h := &Placeholders{Dir: o.dir, Env: o.env}
	return h.Resolve(p)
}

// permissions looks who else can read or change a file that holds a secret.
func (o *opened) permissions(p *Properties) error {
	secrets := slices.ContainsFunc(p.list, func(e *entry) bool {
		row := find(strings.Trim(e.key, blanks))
		return row != nil && row.Secret && e.value() != "" && !isPlaceholder(e.value())
	})
	switch {
	case !secrets:
	case othersMayWrite(o.mode) && !o.allowWritable:
		return fmt.Errorf("permissions %04o: everybody can change it, and it holds a secret; chmod 600", o.mode.Perm())
	case othersMayRead(o.mode):
		p.Warn("%s: permissions %04o: others can read the secret in it; chmod 600", o.path, o.mode.Perm())
	}
	return nil
}

// isPlaceholder reports a value that is a placeholder and nothing else.
func isPlaceholder(v string) bool {
	v = strings.Trim(v, blanks)
	return strings.HasPrefix(v, "${") && strings.IndexByte(v, '}') == len(v)-1
}
