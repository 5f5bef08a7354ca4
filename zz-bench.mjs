import fs from 'node:fs';
import { Reader, ZipWriter, ZipReader, configure } from '@zip.js/zip.js';
const name='/tmp/ziptry/raw.bin';
if(!fs.existsSync(name)){const b=Buffer.alloc(4e6);for(let i=0;i<4e6;i++)b[i]=(i*2654435761>>>13)&255;const f=fs.openSync(name,'w');for(let i=0;i<100;i++)fs.writeSync(f,b);fs.closeSync(f);}
const fd=fs.openSync(name,'r');const size=fs.fstatSync(fd).size;
let maxLen=0;
class R extends Reader{constructor(){super(0);this.size=size} async readUint8Array(i,l){maxLen=Math.max(maxLen,l);const b=new Uint8Array(Math.min(l,size-i));fs.readSync(fd,b,0,b.length,i);return b}}
const cs=process.argv[2]; if(cs) configure({chunkSize:+cs});
for(let k=0;k<3;k++){
 let t=performance.now();
 const z=new ZipWriter(new WritableStream());
 const e=await z.add('x',new R(),{level:0,useWebWorkers:false});
 console.log('crc',e.crc32>>>0,'chunk',maxLen,Math.round(performance.now()-t),'ms',Math.round(process.resourceUsage().maxRSS/1024),'MB');
}
