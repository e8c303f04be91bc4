package connectivity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// Sources says where bindings are looked for. The zero value is the environment of the process.
type Sources struct {
	// Env finds an environment variable. Default os.LookupEnv.
	Env func(name string) (string, bool)
	// Mounts are directories with SERVICE/INSTANCE below them. Default DefaultMounts.
	Mounts []string
}

// DefaultMounts are where Kubernetes mounts bindings that were not told otherwise: the present
// place [doc], and the older one [inferred, high].
func DefaultMounts() []string { return []string{"/etc/secrets/sapbtp", "/etc/secrets/sapcp"} }

// The variables that lead to bindings.
const (
	VCAPVariable     = "VCAP_SERVICES"
	VCAPFileVariable = "VCAP_SERVICES_FILE_PATH"
	RootVariable     = "SERVICE_BINDING_ROOT"
)

// Bindings are the services that are bound to this program, by the places they were found in.
type Bindings struct {
	places []place
	looked []string // where there was nothing, too
	env    func(string) (string, bool)
}

// place is one source of bindings. The first one that has a service gives it.
type place struct {
	name string
	list []Binding
}

// ReadBindings reads, in this order, VCAP_SERVICES or the file of VCAP_SERVICES_FILE_PATH, the
// directories below SERVICE_BINDING_ROOT, and Mounts. What is not there is passed over, what
// cannot be read is an error. No error holds a credential.
//
// A directory of Kubernetes is read with its .metadata, as one JSON file with metadata and
// credentials, with a file credentials, or as a file for each member, in this order. Files
// that .metadata does not name are read as text. Where a binding of the connectivity service
// has no address of the proxy, as with the plan connectivity_proxy, it is taken from a
// directory beside it that has one and no client: a mounted config map.
//
// Source: [doc]; the rule about config maps and what .metadata does not name: published
// set-ups [impl].
func ReadBindings(s Sources) (*Bindings, error) {
	if s.Env == nil {
		s.Env = os.LookupEnv
	}
	if s.Mounts == nil {
		s.Mounts = DefaultMounts()
	}
	b := &Bindings{env: s.Env}
	if err := b.readVCAP(); err != nil {
		return nil, configError("", err)
	}
	if root, ok := s.Env(RootVariable); ok && root != "" {
		b.looked = append(b.looked, RootVariable)
		if err := b.readRoot(root, false); err != nil {
			return nil, configError("", fmt.Errorf("%s: %w", RootVariable, err))
		}
	}
	for _, root := range s.Mounts {
		b.looked = append(b.looked, root)
		if err := b.readRoot(root, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, configError("", err)
		}
	}
	return b, nil
}

// All lists the bindings, in the order of their places.
func (b *Bindings) All() []Binding {
	var list []Binding
	for _, p := range b.places {
		list = append(list, p.list...)
	}
	return list
}

// Find gives the binding of a service. name chooses one of several; empty takes the one that
// the environment names (destination_instance_name, connectivity_instance_name,
// xsuaa_connectivity_instance_name), or the only one.
func (b *Bindings) Find(s Service, name string) (Binding, error) {
	by := ""
	if name == "" && choosers[s] != "" {
		if v, ok := b.env(choosers[s]); ok && v != "" {
			name, by = v, " ("+choosers[s]+")"
		}
	}
	var known []string
	for _, p := range b.places {
		var found []Binding
		for _, x := range p.list {
			if !x.has(s) {
				continue
			}
			known = append(known, printable(x.Name))
			if name == "" || x.named(name) {
				found = append(found, x)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			var names []string
			for _, x := range found {
				names = append(names, printable(x.Name)+" ("+printable(x.Place)+")")
			}
			return Binding{}, configError("", fmt.Errorf("several bindings of service %s; choose one of %s, or set %s", s, strings.Join(names, ", "), choosers[s]))
		}
	}
	if len(known) > 0 {
		return Binding{}, configError("", fmt.Errorf("no binding %q%s of service %s; choose one of %s", printable(name), by, s, strings.Join(known, ", ")))
	}
	return Binding{}, configError("", fmt.Errorf("no binding of service %s; looked in %s", s, strings.Join(b.looked, ", ")))
}

// readVCAP reads what Cloud Foundry gives. The file wins: a platform that uses it leaves the
// variable out.
func (b *Bindings) readVCAP() error {
	from, doc := VCAPVariable, ""
	if name, ok := b.env(VCAPFileVariable); ok && name != "" {
		from = VCAPFileVariable
		content, err := readFile(os.DirFS(path.Dir(name)), path.Base(name))
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		doc = string(content)
	} else {
		doc, _ = b.env(VCAPVariable)
	}
	b.looked = append(b.looked, from)
	if strings.TrimSpace(doc) == "" {
		return nil
	}
	list, err := ParseVCAP([]byte(doc))
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	b.places = append(b.places, place{from, list})
	return nil
}

// ParseVCAP reads a document in the form of VCAP_SERVICES: an object of the labels of services,
// each with a list of bindings.
func ParseVCAP(document []byte) ([]Binding, error) {
	services, err := readObject(document)
	if err != nil {
		return nil, err
	}
	var list []Binding
	for _, label := range keys(services) {
		at := "$." + printable(label)
		bound, ok := services[label].([]any)
		if !ok {
			return nil, fmt.Errorf("%s: list of bindings required", at)
		}
		for i, v := range bound {
			at := fmt.Sprintf("%s[%d]", at, i)
			m, ok := v.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s: object required", at)
			}
			if _, ok := m["credentials"].(map[string]any); !ok && m["credentials"] != nil {
				return nil, fmt.Errorf("%s.credentials: object required", at)
			}
			x := fromDocument(m)
			x.Place, x.member = VCAPVariable+": "+at, ".credentials."
			if x.Label == "" {
				x.Label = label
			}
			if list = append(list, x); len(list) > maxMounted {
				return nil, fmt.Errorf("more than %d bindings", maxMounted)
			}
		}
	}
	return list, nil
}

// fromDocument makes a binding of an object with metadata and credentials.
func fromDocument(m map[string]any) Binding {
	x := fromMetadata(m)
	credentials, _ := m["credentials"].(map[string]any)
	x.credentials = func() map[string]any { return credentials }
	return x
}

// fromMetadata takes what a binding says about itself. servicebinding.io calls the label type.
func fromMetadata(m map[string]any) Binding {
	var x Binding
	for _, key := range []string{"instance_name", "name", "binding_name"} {
		if v, _ := m[key].(string); v != "" {
			x.others = append(x.others, v)
		}
	}
	if len(x.others) > 0 {
		x.Name = x.others[0]
	}
	x.Label, _ = m["label"].(string)
	if x.Label == "" {
		x.Label, _ = m["type"].(string)
	}
	x.Plan, _ = m["plan"].(string)
	tags, _ := m["tags"].([]any)
	for _, t := range tags {
		if s, ok := t.(string); ok {
			x.Tags = append(x.Tags, s)
		}
	}
	return x
}

// readRoot reads the bindings below a directory: root/BINDING, or root/SERVICE/INSTANCE if
// they are grouped.
func (b *Bindings) readRoot(root string, grouped bool) error {
	if _, err := os.Stat(root); err != nil {
		return err
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	fsys := r.FS()
	dirs, err := directories(fsys, ".")
	if err != nil {
		return err
	}
	p := place{name: root}
	var info []map[string]any
	for _, dir := range dirs {
		instances, label := []string{dir}, ""
		if grouped {
			if instances, err = directories(fsys, dir); err != nil {
				return fmt.Errorf("%s: %w", root, err)
			}
			label = dir
		}
		for _, instance := range instances {
			x, err := ReadMounted(fsys, instance)
			if err != nil {
				return fmt.Errorf("%s: %w", path.Join(root, instance), err)
			}
			x.Place = path.Join(root, instance)
			if x.Label == "" {
				x.Label = label
			}
			if c := x.credentials(); c["onpremise_proxy_host"] != nil && c["clientid"] == nil {
				info = append(info, c)
				continue
			}
			if p.list = append(p.list, x); len(p.list) > maxMounted {
				return fmt.Errorf("%s: more than %d bindings", root, maxMounted)
			}
		}
	}
	if len(info) == 1 {
		for _, x := range p.list {
			if c := x.credentials(); x.has(ServiceConnectivity) && c["onpremise_proxy_host"] == nil {
				for key, v := range info[0] {
					if c[key] == nil {
						c[key] = v
					}
				}
			}
		}
	}
	b.places = append(b.places, p)
	return nil
}

// directories lists those below dir. What begins with .. belongs to Kubernetes.
func directories(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := fs.Stat(fsys, name); err == nil && info.IsDir() {
			list = append(list, name)
		}
	}
	if len(list) > maxMounted {
		return nil, fmt.Errorf("%d directories, at most %d", len(list), maxMounted)
	}
	return list, nil
}

// described are the members that describe a binding; the others are credentials.
var described = []string{"type", "provider", "label", "plan", "tags", "name", "instance_name", "binding_name", "instance_guid", "instance_external_name"}

// ReadMounted reads the directory of one binding; see ReadBindings.
func ReadMounted(fsys fs.FS, dir string) (Binding, error) {
	x, err := readMounted(fsys, dir)
	if err != nil {
		return Binding{}, err
	}
	x.Place, x.member = dir, "/"
	if x.others = append(x.others, path.Base(dir)); x.Name == "" {
		x.Name = path.Base(dir)
	}
	return x, nil
}

func readMounted(fsys fs.FS, dir string) (Binding, error) {
	files, err := filesOf(fsys, dir)
	if err != nil {
		return Binding{}, err
	}
	if doc, ok := files[".metadata"]; ok {
		return withMetadata(files, doc)
	}
	if len(files) == 1 {
		for name, content := range files {
			m, err := readObject(content)
			if err != nil {
				break // a binding with a single text
			}
			if _, ok := m["credentials"].(map[string]any); ok {
				return fromDocument(m), nil
			}
			if m["clientid"] != nil || strings.HasSuffix(name, ".json") {
				x := fromMetadata(m)
				x.credentials = func() map[string]any { return m }
				return x, nil
			}
		}
	}
	metadata, credentials := map[string]any{}, map[string]any{}
	for _, name := range keys(files) {
		content := strings.TrimSuffix(string(files[name]), "\n")
		switch {
		case name == "credentials" || name == "credentials.json":
			m, err := readObject(files[name])
			if err != nil {
				return Binding{}, fmt.Errorf("%s: %w", name, err)
			}
			credentials = m
		case name == "tags":
			metadata[name] = tagsOf(content)
		case slices.Contains(described, name):
			metadata[name] = content
		case credentials[name] == nil:
			credentials[name] = content
		}
	}
	x := fromMetadata(metadata)
	x.credentials = func() map[string]any { return credentials }
	return x, nil
}

// tagsOf reads tags as a JSON list, or separated by commas.
func tagsOf(s string) any {
	var list []any
	if json.Unmarshal([]byte(s), &list) == nil {
		return list
	}
	for t := range strings.SplitSeq(s, ",") {
		list = append(list, strings.TrimSpace(t))
	}
	return list
}

// withMetadata reads the files of a binding as its .metadata describes them.
func withMetadata(files map[string][]byte, doc []byte) (Binding, error) {
	type property struct {
		Name       string `json:"name"`
		SourceName string `json:"sourceName"`
		Format     string `json:"format"`
		Container  bool   `json:"container"`
	}
	var described struct {
		Metadata    []property `json:"metaDataProperties"`
		Credentials []property `json:"credentialProperties"`
	}
	if err := json.Unmarshal(doc, &described); err != nil {
		return Binding{}, errors.New(".metadata: not JSON with the lists metaDataProperties and credentialProperties")
	}
	taken := map[string]bool{".metadata": true}
	read := func(into map[string]any, list []property) error {
		for _, p := range list {
			name := p.Name
			if p.SourceName != "" {
				name = p.SourceName
			}
			content, ok := files[name]
			if !ok {
				continue // whoever needs it will say so
			}
			taken[name] = true
			if p.Format != "json" {
				into[p.Name] = strings.TrimSuffix(string(content), "\n")
				continue
			}
			v, err := readJSON(content)
			if err != nil {
				return fmt.Errorf("%s: %w", printable(name), err)
			}
			m, ok := v.(map[string]any)
			if p.Container && !ok {
				return fmt.Errorf("%s: object required", printable(name))
			}
			if !p.Container {
				into[p.Name] = v
				continue
			}
			maps.Copy(into, m)
		}
		return nil
	}
	metadata, credentials := map[string]any{}, map[string]any{}
	if err := errors.Join(read(metadata, described.Metadata), read(credentials, described.Credentials)); err != nil {
		return Binding{}, err
	}
	for name, content := range files {
		if !taken[name] && credentials[name] == nil {
			credentials[name] = strings.TrimSuffix(string(content), "\n")
		}
	}
	x := fromMetadata(metadata)
	x.credentials = func() map[string]any { return credentials }
	return x, nil
}

// filesOf reads the files of a directory. Links are followed, as far as they stay inside of the
// place.
func filesOf(fsys fs.FS, dir string) (map[string][]byte, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && e.Name() != ".metadata" {
			continue
		}
		name := path.Join(dir, e.Name())
		info, err := fs.Stat(fsys, name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if len(files) == maxFiles {
			return nil, fmt.Errorf("more than %d files", maxFiles)
		}
		if files[e.Name()], err = readFile(fsys, name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// readFile reads a file of bounded size.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err == nil && len(content) > maxDocument {
		err = fmt.Errorf("%s: more than %d bytes", printable(name), maxDocument)
	}
	return content, err
}

// readJSON reads one JSON value. The decoder's own errors may show a character of a secret.
func readJSON(doc []byte) (any, error) {
	if len(doc) > maxDocument {
		return nil, fmt.Errorf("%d bytes, at most %d", len(doc), maxDocument)
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("not JSON, behind byte %d", d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something stands behind the JSON value, at byte %d", d.InputOffset())
	}
	return v, nil
}

// readObject reads a JSON object.
func readObject(doc []byte) (map[string]any, error) {
	v, err := readJSON(doc)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("JSON object { } required")
	}
	return m, nil
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
