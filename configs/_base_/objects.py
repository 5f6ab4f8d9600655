# Context decoupling: objects that the masks of a first network cut out are pasted into images without their class, so
# that the object no longer comes with its surroundings.
needs = dict(pseudo_root='pseudo')
pseudo_root = 'work_dirs/pseudo'  # output of make_pseudo
paste_chance = 0.5  # that an image gets anything
decoy_chance = 0.25  # that this is a patch of the image itself, which changes no label

paste = dict(type='mmwsss.PasteObjects', pseudo_root=pseudo_root, prob=paste_chance, decoy_prob=decoy_chance)
custom_hooks = [dict(type='mmwsss.SetEpochHook')]
