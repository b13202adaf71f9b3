# root/ holds unpacked packages of Debian; $out gets them as a prefix.
cd root
# Packages from before the merger of / and /usr.
for d in bin sbin lib lib64; do
  if [ -d $d ] && ! [ -L $d ]; then
    mkdir -p usr/$d
    cp -a $d/. usr/$d/
    rm -r $d
  fi
done
rm -rf usr/share/{doc,man,info,locale,lintian,bug,bash-completion,zsh,fish,menu,apport,initramfs-tools,doc-base,gcc,pixmaps,applications,metainfo,vim} usr/share/*-completion
rm -rf etc/{init.d,default,cron.*,logrotate.d,apt,kernel,ufw,network,ppp}

triplet=usr/lib/x86_64-linux-gnu
if [ -d $triplet ]; then
  mkdir -p $out/lib
  # Debian's links from there to usr/lib go up once too often now.
  find $triplet -type l | while read -r l; do
    t=$(readlink "$l")
    case $t in ../*) ln -sfn "${t#../}" "$l" ;; esac
  done
  cp -a $triplet/. $out/lib/
  rm -r $triplet
fi
for d in bin sbin lib libexec share include; do
  if [ -d usr/$d ]; then
    mkdir -p $out/$d
    cp -a usr/$d/. $out/$d/
  fi
done
if [ -d etc ]; then cp -a etc $out/etc; fi
if [ -d usr/games ]; then cp -a usr/games/. $out/bin/; fi
cd ..
# Absolute links between files of Debian's root.
find $out -type l | while read -r l; do
  t=$(readlink "$l")
  case $t in
  /usr/lib/x86_64-linux-gnu/*) t=$out/lib/${t#/usr/lib/x86_64-linux-gnu/} ;;
  /lib/x86_64-linux-gnu/*) t=$out/lib/${t#/lib/x86_64-linux-gnu/} ;;
  /usr/*) t=$out/${t#/usr/} ;;
  /bin/* | /sbin/* | /lib/*) t=$out$t ;;
  *) continue ;;
  esac
  ln -sfn "$t" "$l"
done
