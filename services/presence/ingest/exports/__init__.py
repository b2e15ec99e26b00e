"""How the export files of networks are read: as streams, in bounded memory, and never unpacked."""
